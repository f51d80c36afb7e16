# The lake's files and the models: `s3://<bucket>/lake` and `/artifacts`.
resource "aws_s3_bucket" "lake" {
  #checkov:skip=CKV_AWS_18:who read what stands in CloudTrail's data events, which an account has once
  #checkov:skip=CKV_AWS_144:another region is for `bullion backup`, which keeps catalog and files in step
  #checkov:skip=CKV2_AWS_62:nothing waits for events of its files; the catalog says what is new
  bucket = "${var.name}-${data.aws_caller_identity.current.account_id}"
}

resource "aws_s3_bucket_public_access_block" "lake" {
  bucket                  = aws_s3_bucket.lake.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

# Compaction removes files that no snapshot needs; for a month they can be had back.
resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id

  rule {
    id     = "removed"
    status = "Enabled"

    filter {
      prefix = ""
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

data "aws_iam_policy_document" "encrypted_calls" {
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.lake.arn, "${aws_s3_bucket.lake.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "lake" {
  bucket = aws_s3_bucket.lake.id
  policy = data.aws_iam_policy_document.encrypted_calls.json
}

# Two users, as in compose: one for Airflow and MLflow, one that may only fetch the lake's files. DuckDB reads keys
# from the environment, and no role of a pod.
resource "aws_iam_user" "writer" {
  #checkov:skip=CKV_AWS_273:programs of the cluster, and no people
  name = "${var.name}-writer"
}

resource "aws_iam_user" "reader" {
  #checkov:skip=CKV_AWS_273:the same
  name = "${var.name}-reader"
}

resource "aws_iam_group" "writers" {
  name = "${var.name}-writers"
}

resource "aws_iam_group" "readers" {
  name = "${var.name}-readers"
}

resource "aws_iam_user_group_membership" "writer" {
  user   = aws_iam_user.writer.name
  groups = [aws_iam_group.writers.name]
}

resource "aws_iam_user_group_membership" "reader" {
  user   = aws_iam_user.reader.name
  groups = [aws_iam_group.readers.name]
}

data "aws_iam_policy_document" "write" {
  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.lake.arn}/*"]
  }

  statement {
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/lake/*"]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }
}

resource "aws_iam_group_policy" "write" {
  name   = "write"
  group  = aws_iam_group.writers.name
  policy = data.aws_iam_policy_document.write.json
}

resource "aws_iam_group_policy" "read" {
  name   = "read"
  group  = aws_iam_group.readers.name
  policy = data.aws_iam_policy_document.read.json
}
