output "bucket" {
  description = "Of the lake and the models: `lake.data` of the chart is s3://<bucket>/lake"
  value       = aws_s3_bucket.lake.bucket
}

output "cluster" {
  description = "Name of the cluster, for `aws eks update-kubeconfig --name`"
  value       = aws_eks_cluster.main.name
}

output "database" {
  description = "Address of PostgreSQL, inside the network"
  value       = aws_db_instance.main.address
}

output "administrator" {
  description = "Secret with the administrator's password, which PostgreSQL keeps in the store"
  value       = aws_db_instance.main.master_user_secret[0].secret_arn
}

output "secrets" {
  description = "Names in the secret store, by part of the chart"
  value       = { for part, secret in aws_secretsmanager_secret.part : part => secret.name }
}
