// Package main tells what the helm command of this module's Helm has: each command with its texts and flags, as JSON.
//
// scripts/move_helm.py compares two versions by it; tests/helm-commands.json is what it told of the present one.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	helmcmd "helm.sh/helm/v4/pkg/cmd"
)

// command is one of helm's, with the flags of its own: a persistent one belongs to the command that declares it.
type command struct {
	Command string `json:"command"`
	Use     string `json:"use"`
	Flags   []flag `json:"flags"`
	Help    string `json:"help"`
}

type flag struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default"`
	Usage   string `json:"usage"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "surface:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := helmcmd.NewRootCmd(io.Discard, nil, func(bool) { slog.SetDefault(slog.New(slog.DiscardHandler)) })
	if err != nil {
		return err
	}
	commands := surface(root, nil)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	return encoder.Encode(commands)
}

// surface adds a command and those below it, each by its whole name.
func surface(from *cobra.Command, to []command) []command {
	told := command{Command: from.CommandPath(), Use: from.Use, Flags: []flag{}, Help: help(from)}
	from.NonInheritedFlags().VisitAll(func(each *pflag.Flag) {
		told.Flags = append(told.Flags, flag{each.Name, each.Value.Type(), shown(each.DefValue), each.Usage})
	})
	sort.Slice(told.Flags, func(a, b int) bool { return told.Flags[a].Name < told.Flags[b].Name })
	to = append(to, told)
	for _, below := range from.Commands() {
		to = surface(below, to)
	}
	return to
}

// shown is a default without the home directory of whoever asks.
func shown(value string) string {
	home := os.Getenv("HOME")
	if rest, below := strings.CutPrefix(value, home); home != "" && below {
		return "~" + rest
	}
	return value
}

// help is what a command says of itself, without its flags, which are told apart.
func help(of *cobra.Command) string {
	var said []string
	for _, text := range []string{of.Short, of.Long, of.Example, of.Deprecated, strings.Join(of.Aliases, ", ")} {
		if text = strings.TrimSpace(text); text != "" {
			said = append(said, text)
		}
	}
	return strings.Join(said, "\n\n")
}
