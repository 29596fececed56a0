# Everything that concerns jobs in two namespaces: `write` holds submit-job, alloc-exec and alloc-lifecycle too.
namespace "production" {
  policy = "write"
}

namespace "staging" {
  policy = "write"
}
