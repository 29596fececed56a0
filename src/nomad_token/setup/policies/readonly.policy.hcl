# Looks at jobs in every namespace, and at nodes. Changes nothing, and reads no logs.
namespace "*" {
  policy = "read"
}

node {
  policy = "read"
}
