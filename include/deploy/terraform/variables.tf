variable "region" {
  description = "Region of Amazon's cloud"
  type        = string
}

variable "name" {
  description = "Name of this installation, of which all names begin"
  type        = string
  default     = "bullion"
}

variable "zones" {
  description = "Three zones of the region, as [\"eu-central-1a\", \"eu-central-1b\", \"eu-central-1c\"]"
  type        = list(string)
}

variable "address_range" {
  description = "Addresses of the network, as 10.20.0.0/16"
  type        = string
  default     = "10.20.0.0/16"
}

variable "operators" {
  description = "Addresses that may call the API of the cluster; empty: only from inside the network"
  type        = list(string)
  default     = []
}

variable "kubernetes_version" {
  description = "Version of the cluster; the chart wants 1.29 or later"
  type        = string
  default     = "1.34"
}

variable "node_type" {
  description = "Machine of a node: a training wants 4 GB beside the rest"
  type        = string
  default     = "m7i.xlarge"
}

variable "nodes" {
  description = "How many nodes there are at least, at first and at most"
  type        = object({ least = number, first = number, most = number })
  default     = { least = 2, first = 3, most = 6 }
}

variable "database_class" {
  description = "Machine of the database: its catalog is small, and asked often"
  type        = string
  default     = "db.m7g.large"
}

variable "queue_class" {
  description = "Machine of Redis, the queue of Celery"
  type        = string
  default     = "cache.t4g.small"
}
