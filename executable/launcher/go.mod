module nomad-token/launcher

go 1.24
