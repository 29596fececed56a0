"""The lab's Nomad: one server of one region, ACLs, jobs."""
