# What the chart's `secrets` need lies in the secret store; an operator of the cluster (external-secrets) copies it there.
# Passwords that Terraform makes are in its state too: keep the state encrypted, and readable by few.
resource "random_password" "role" {
  for_each = toset(["airflow", "mlflow", "lake", "reader", "admin", "dashboard-key", "api-key"])
  length   = 40
  special  = false
}

resource "aws_iam_access_key" "writer" {
  user = aws_iam_user.writer.name
}

resource "aws_iam_access_key" "reader" {
  user = aws_iam_user.reader.name
}

locals {
  database  = aws_db_instance.main.address
  passwords = { for name, password in random_password.role : name => password.result }
  queue     = "rediss://:${random_password.queue.result}@${aws_elasticache_replication_group.queue.primary_endpoint_address}:6379/0"

  secrets = {
    airflow = {
      database-url   = "postgresql+psycopg2://airflow:${local.passwords["airflow"]}@${local.database}:5432/airflow"
      result-backend = "db+postgresql+psycopg2://airflow:${local.passwords["airflow"]}@${local.database}:5432/airflow"
      broker-url     = local.queue
      admin-password = local.passwords["admin"]
    }
    lake = {
      catalog       = "postgres:host=${local.database} port=5432 dbname=lake user=lake password=${local.passwords["lake"]}"
      s3-access-key = aws_iam_access_key.writer.id
      s3-secret-key = aws_iam_access_key.writer.secret
    }
    reader = {
      catalog       = "postgres:host=${local.database} port=5432 dbname=lake user=reader password=${local.passwords["reader"]}"
      s3-access-key = aws_iam_access_key.reader.id
      s3-secret-key = aws_iam_access_key.reader.secret
    }
    mlflow = {
      database-url = "postgresql+psycopg2://mlflow:${local.passwords["mlflow"]}@${local.database}:5432/mlflow"
    }
    api = {
      keys          = "${local.passwords["api-key"]},${local.passwords["dashboard-key"]}"
      dashboard-key = local.passwords["dashboard-key"]
    }
  }
}

resource "aws_secretsmanager_secret" "part" {
  #checkov:skip=CKV2_AWS_57:a password changes together with its role: change it here, and run the chart's hook
  for_each   = local.secrets
  name       = "${var.name}/${each.key}"
  kms_key_id = aws_kms_key.data.arn
}

resource "aws_secretsmanager_secret_version" "part" {
  for_each      = local.secrets
  secret_id     = aws_secretsmanager_secret.part[each.key].id
  secret_string = jsonencode(each.value)
}
