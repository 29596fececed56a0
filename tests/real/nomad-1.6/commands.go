// Package nomad names what the program github.com/hashicorp/nomad, which is built as it is, is made of.
package nomad

import _ "github.com/hashicorp/nomad/command"
