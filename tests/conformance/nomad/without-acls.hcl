region    = "global"
data_dir  = "/tmp/nomad-without-acls"
bind_addr = "127.0.0.1"

# Nomad takes no loopback address for one that others can reach, unless it is told.
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}

ports {
  http = 6646
  rpc  = 6647
  serf = 6648
}

server {
  enabled          = true
  bootstrap_expect = 1
}
