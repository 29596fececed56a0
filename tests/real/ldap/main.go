// A directory with passwords, as far as a bind goes: what Vault's ldap method asks where it is told how a user is named.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"os"

	"github.com/jimlambrt/gldap"
)

func main() {
	address := flag.String("address", "127.0.0.1:389", "host:port to listen on, without TLS")
	users := flag.String("users", "", "JSON file: distinguished names and their passwords")
	flag.Parse()
	text, err := os.ReadFile(*users)
	if err != nil {
		log.Fatal(err)
	}
	passwords := map[string]string{}
	if err := json.Unmarshal(text, &passwords); err != nil {
		log.Fatal(err)
	}
	mux, err := gldap.NewMux()
	if err != nil {
		log.Fatal(err)
	}
	if err := mux.Bind(bind(passwords)); err != nil {
		log.Fatal(err)
	}
	server, err := gldap.NewServer()
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Router(mux); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Run(*address))
}

// bind tells a stranger and a wrong password in the same way (RFC 4511, A.1: invalidCredentials).
func bind(passwords map[string]string) gldap.HandlerFunc {
	return func(writer *gldap.ResponseWriter, request *gldap.Request) {
		code := gldap.ResultInvalidCredentials
		if asked, err := request.GetSimpleBindMessage(); err == nil {
			password, known := passwords[asked.UserName]
			if known && password != "" && password == string(asked.Password) {
				code = gldap.ResultSuccess
			}
		}
		if err := writer.Write(request.NewBindResponse(gldap.WithResponseCode(code))); err != nil {
			log.Print(err)
		}
	}
}
