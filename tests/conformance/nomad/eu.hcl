# A second region, which pulls what is global with the bootstrap token of the first one.
region    = "eu"
data_dir  = "/tmp/nomad-eu"
bind_addr = "127.0.0.1"

# Nomad takes no loopback address for one that others can reach, unless it is told.
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}

ports {
  http = 5646
  rpc  = 5647
  serf = 5648
}

server {
  enabled              = true
  bootstrap_expect     = 1
  authoritative_region = "global"

  server_join {
    retry_join = ["127.0.0.1:4648"]
  }
}

acl {
  enabled           = true
  replication_token = "5f9d6a1c-6f0b-4e0e-9d3a-2b6a3f1d7c11"
}
