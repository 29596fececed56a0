// Vault 1.14.2 with storage in memory: its core, its HTTP layer, its Nomad engine and the auth methods that need no cloud.
//
// Vault's own command links a hundred storage and cloud packages that no test here asks for.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net/http"
	"time"

	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/github"
	"github.com/hashicorp/vault/builtin/credential/ldap"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/nomad"
	"github.com/hashicorp/vault/builtin/plugin"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/internalshared/listenerutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/helper/logging"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// catalog is what can be mounted; Vault's own registry, cut down, with the same way from a type to its code.
type catalog map[consts.PluginType]map[string]logical.Factory

var builtin = catalog{
	consts.PluginTypeSecrets: {"nomad": nomad.Factory},
	consts.PluginTypeCredential: {
		"approle":    approle.Factory,
		"cert":       cert.Factory,
		"github":     github.Factory,
		"jwt":        jwt.Factory,
		"kubernetes": kubernetes.Factory,
		"ldap":       ldap.Factory,
		"oidc":       jwt.Factory,
		"userpass":   userpass.Factory,
	},
}

func (c catalog) Contains(name string, kind consts.PluginType) bool {
	_, found := c[kind][name]
	return found
}

func (c catalog) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := c[kind][name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (c catalog) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range c[kind] {
		names = append(names, name)
	}
	return names
}

func (c catalog) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, c.Contains(name, kind)
}

func (c catalog) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

// tlsConfig is that of Vault's own listener, which asks a client for a certificate and leaves judging it to the method.
func tlsConfig(certificate, key string) (*tls.Config, error) {
	listener := &configutil.Listener{TLSCertFile: certificate, TLSKeyFile: key}
	config, _, err := listenerutil.TLSConfig(listener, map[string]string{}, nil)
	return config, err
}

func main() {
	address := flag.String("address", "127.0.0.1:8200", "host:port to listen on")
	certificate := flag.String("tls-cert", "", "PEM file; with it and its key TLS alone is spoken")
	key := flag.String("tls-key", "", "PEM file")
	flag.Parse()
	speaksTLS := *certificate != ""
	scheme := "http"
	if speaksTLS {
		scheme = "https"
	}
	logger := logging.NewVaultLogger(0)
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		log.Fatal(err)
	}
	plugins := map[string]logical.Factory{"plugin": plugin.Factory}
	core, err := vault.NewCore(&vault.CoreConfig{
		BuiltinRegistry:    builtin,
		LogicalBackends:    plugins,
		CredentialBackends: plugins,
		Physical:           storage,
		StorageType:        "inmem",
		RedirectAddr:       scheme + "://" + *address,
		DisableMlock:       true,
		Logger:             logger,
	})
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{
		Addr: *address,
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core: core,
			ListenerConfig: &configutil.Listener{
				MaxRequestSize:     vaulthttp.DefaultMaxRequestSize,
				MaxRequestDuration: vault.DefaultMaxRequestDuration,
			},
		}),
		// As Vault's own command sets them.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          logger.StandardLogger(nil),
	}
	if !speaksTLS {
		log.Fatal(server.ListenAndServe())
	}
	if server.TLSConfig, err = tlsConfig(*certificate, *key); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
