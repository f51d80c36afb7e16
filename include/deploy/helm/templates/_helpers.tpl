{{/* Names, labels, and what all pods share. */}}

{{- define "bullion.name" -}}
{{- if eq .Release.Name .Chart.Name -}}{{ .Release.Name }}{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{/* Of a part: (dict "root" $ "part" "api") */}}
{{- define "bullion.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "bullion.labels" -}}
{{ include "bullion.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "bullion.metadata" -}}
name: {{ include "bullion.name" .root }}-{{ .name | default .part }}
namespace: {{ .root.Release.Namespace }}
labels: {{- include "bullion.labels" . | nindent 2 }}
{{- end }}

{{/* The head of every pod: nobody is root, nothing is granted, and no token lies in it. */}}
{{- define "bullion.pod" -}}
serviceAccountName: {{ include "bullion.name" .root }}-{{ .account | default "idle" }}
automountServiceAccountToken: {{ eq (.account | default "idle") "scheduler" }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets: {{- range . }}
  - name: {{ . }}{{ end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "bullion.locked" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "bullion.airflowImage" -}}
image: {{ .Values.images.airflow.repository }}:{{ .Values.images.airflow.tag }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
{{- end }}

{{/* A variable from a secret: (list "NAME" "secret" "key") */}}
{{- define "bullion.secret" -}}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}}
{{- end }}

{{- define "bullion.store" -}}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.lake.region | quote }}}
{{- with .Values.lake.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* What every reader of the lake needs; who may write has another secret. */}}
{{- define "bullion.lakeEnv" -}}
{{- $secret := index .root.Values.secrets .secret -}}
{{ include "bullion.store" .root }}
- {name: BULLION_LAKE_DATA, value: {{ .root.Values.lake.data | quote }}}
{{ include "bullion.secret" (list "BULLION_LAKE_CATALOG" $secret "catalog") }}
{{ include "bullion.secret" (list "AWS_ACCESS_KEY_ID" $secret "s3-access-key") }}
{{ include "bullion.secret" (list "AWS_SECRET_ACCESS_KEY" $secret "s3-secret-key") }}
- {name: MLFLOW_TRACKING_URI, value: "http://{{ include "bullion.name" .root }}-mlflow:5000"}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
- {name: HOME, value: /tmp}
{{- range $name, $value := .root.Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $kind := list "universes" "topics" "feeds" }}
{{- if index $.root.Values.files $kind }}
- {name: BULLION_{{ upper $kind }}, value: /opt/bullion/{{ $kind }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "bullion.airflowEnv" -}}
{{- $root := .root -}}
{{- $airflow := $root.Values.secrets.airflow -}}
{{- $name := include "bullion.name" $root -}}
{{ include "bullion.lakeEnv" (dict "root" $root "secret" "lake") }}
- {name: BULLION_STATE, value: /opt/bullion/state}
- {name: AIRFLOW_HOME, value: /opt/airflow}
- {name: AIRFLOW__CORE__DAGS_FOLDER, value: /opt/bullion/dags}
- {name: AIRFLOW__CORE__PLUGINS_FOLDER, value: /opt/bullion/plugins}
- {name: AIRFLOW__CORE__LOAD_EXAMPLES, value: "False"}
- {name: AIRFLOW__CORE__EXECUTOR, value: {{ $root.Values.airflow.executor }}}
- {name: AIRFLOW__CORE__PARALLELISM, value: {{ $root.Values.airflow.parallelism | quote }}}
- {name: AIRFLOW__CORE__AUTH_MANAGER, value: airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager}
- {name: AIRFLOW__CORE__EXECUTION_API_SERVER_URL, value: "http://{{ $name }}-airflow-api-server:8080/execution/"}
- {name: AIRFLOW__API__HOST, value: 0.0.0.0}
- {name: AIRFLOW__API__PORT, value: "8080"}
- {name: AIRFLOW__API__BASE_URL, value: {{ $root.Values.airflow.url | quote }}}
- {name: AIRFLOW__API__WORKERS, value: "1"}
- {name: AIRFLOW__API__ENABLE_SWAGGER_UI, value: "False"}
- {name: AIRFLOW__API__EXPOSE_CONFIG, value: "False"}
- {name: AIRFLOW__API__INSTANCE_NAME, value: Bullion}
- {name: AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK, value: "True"}
- {name: AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST, value: 127.0.0.1}
- {name: AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT, value: "8974"}
- {name: AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT, value: "30"}
- {name: AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL, value: "5"}
- {name: AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL, value: "10"}
- {name: AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT, value: "600"}
- {name: AIRFLOW__LOGGING__BASE_LOG_FOLDER, value: /opt/airflow/logs}
- {name: AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET, value: stdout}
- {name: AIRFLOW__OPENLINEAGE__TRANSPORT, value: {{ default "" $root.Values.settings.BULLION_LINEAGE | quote }}}
- {name: AIRFLOW__OPENLINEAGE__EXTRACTORS, value: include.lineage_events.LakeLineage}
{{ include "bullion.secret" (list "AIRFLOW__CORE__FERNET_KEY" $airflow "fernet-key") }}
{{ include "bullion.secret" (list "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" $airflow "database-url") }}
{{ include "bullion.secret" (list "AIRFLOW__API__SECRET_KEY" $airflow "api-secret") }}
{{ include "bullion.secret" (list "AIRFLOW__API_AUTH__JWT_SECRET" $airflow "jwt-secret") }}
{{- if eq $root.Values.airflow.executor "CeleryExecutor" }}
{{ include "bullion.secret" (list "AIRFLOW__CELERY__BROKER_URL" $airflow "broker-url") }}
{{ include "bullion.secret" (list "AIRFLOW__CELERY__RESULT_BACKEND" $airflow "result-backend") }}
- {name: AIRFLOW__CELERY__WORKER_CONCURRENCY, value: {{ $root.Values.airflow.worker.concurrency | quote }}}
- {name: AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT, value: "10800"}
{{- else }}
- {name: AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE, value: {{ $root.Release.Namespace }}}
- {name: AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE, value: /opt/bullion/pods/task.yaml}
- {name: AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_REPOSITORY, value: {{ $root.Values.images.airflow.repository }}}
- {name: AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG, value: {{ $root.Values.images.airflow.tag | quote }}}
- {name: AIRFLOW__KUBERNETES_EXECUTOR__DELETE_WORKER_PODS, value: "True"}
{{- end }}
{{- if .providers }}
{{- with $root.Values.secrets.providers }}
{{- range $variable, $key := dict "BULLION_ALPHAVANTAGE_KEY" "alphavantage" "BULLION_FINNHUB_KEY" "finnhub" "BULLION_OANDA_TOKEN" "oanda" }}
- name: {{ $variable }}
  valueFrom: {secretKeyRef: {name: {{ $root.Values.secrets.providers }}, key: {{ $key }}, optional: true}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where a pod of Airflow's image may write, and the files of the user's. */}}
{{- define "bullion.airflowMounts" -}}
- {name: home, mountPath: /opt/airflow}
- {name: logs, mountPath: /opt/airflow/logs}
- {name: temporary, mountPath: /tmp}
- {name: pages, mountPath: /opt/bullion/data_lake}
- {name: state, mountPath: /opt/bullion/state}
{{- include "bullion.fileMounts" . }}
{{- end }}

{{- define "bullion.airflowVolumes" -}}
- {name: home, emptyDir: {sizeLimit: 256Mi}}
- {name: temporary, emptyDir: {sizeLimit: 8Gi}}
{{- range $claim := list "logs" "pages" "state" }}
{{- with index $.Values.claims $claim }}
- {name: {{ $claim }}, persistentVolumeClaim: {claimName: {{ . }}}}
{{- else }}
- {name: {{ $claim }}, emptyDir: {sizeLimit: 1Gi}}
{{- end }}
{{- end }}
{{- include "bullion.fileVolumes" . }}
{{- end }}

{{/* The newest prices: the stream writes them, the API reads them. */}}
{{- define "bullion.prices" -}}
{{- with .Values.claims.prices -}}
- {name: prices, persistentVolumeClaim: {claimName: {{ . }}}}
{{- else -}}
- {name: prices, emptyDir: {sizeLimit: 16Mi}}
{{- end }}
{{- end }}

{{- define "bullion.fileMounts" -}}
{{- range $kind := list "universes" "topics" "feeds" }}
{{- if index $.Values.files $kind }}
- {name: {{ $kind }}, mountPath: /opt/bullion/{{ $kind }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "bullion.fileVolumes" -}}
{{- range $kind := list "universes" "topics" "feeds" }}
{{- with index $.Values.files $kind }}
- {name: {{ $kind }}, configMap: {name: {{ . }}}}
{{- end }}
{{- end }}
{{- end }}

{{/* A probe by a command of the image: (dict "command" (list ...) "period" 30) */}}
{{- define "bullion.probe" -}}
exec: {command: {{ .command | toJson }}}
periodSeconds: {{ .period }}
timeoutSeconds: {{ .timeout | default 10 }}
failureThreshold: {{ .failures | default 5 }}
{{- end }}
