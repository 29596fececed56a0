"""Build every real server that the tests run on: `python3 dev.py ci` does so first, since it takes all processors."""

import nomads
import servers

if __name__ == "__main__":
    servers.build_vault()
    servers.build_nomad_engine()
    servers.build_ldap()
    for version in nomads.VERSIONS:
        nomads.build(version)
