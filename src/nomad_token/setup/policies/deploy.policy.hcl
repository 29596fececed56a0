# What `nomad job run` needs in one namespace, with the logs of what it starts, and `nomad alloc exec`.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job", "read-logs", "alloc-exec"]
}

# For logs and exec the command asks which node has the allocation.
node {
  policy = "read"
}
