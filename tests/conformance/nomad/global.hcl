# The authoritative region.
region    = "global"
data_dir  = "/tmp/nomad-global"
bind_addr = "127.0.0.1"

# Nomad takes no loopback address for one that others can reach, unless it is told.
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}

ports {
  http = 4646
  rpc  = 4647
  serf = 4648
}

server {
  enabled          = true
  bootstrap_expect = 1
}

acl {
  enabled = true
}
