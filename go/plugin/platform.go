package plugin

import (
	"errors"
	"os"
	"runtime"
	"strings"
)

// platformCommand is a command for some platforms.
type platformCommand struct {
	OperatingSystem string   `yaml:"os"`
	Architecture    string   `yaml:"arch"`
	Command         string   `yaml:"command"`
	Args            []string `yaml:"args"`
}

// fits says how well the command fits this machine; 0: not at all.
func (c platformCommand) fits() int {
	system := strings.EqualFold(c.OperatingSystem, runtime.GOOS)
	switch {
	case system && strings.EqualFold(c.Architecture, runtime.GOARCH):
		return 3
	case c.Architecture != "" || c.OperatingSystem != "" && !system:
		return 0 // an architecture needs its system too
	case system:
		return 2
	}
	return 1
}

// prepare picks the command for this machine and fills in variables (helm: internal/plugin/subprocess_commands.go).
func prepare(commands []platformCommand, expand bool, more []string, environment map[string]string) (string, []string, error) {
	best, fit := platformCommand{}, 0
	for _, one := range commands {
		if fits := one.fits(); fits > fit {
			best, fit = one, fits
		}
	}
	parts := strings.Split(best.Command, " ")
	if parts[0] == "" {
		return "", nil, errors.New("no plugin command is applicable")
	}
	value := func(name string) string { return environment[name] }
	arguments := append(parts[1:], best.Args...)
	if expand {
		for number, argument := range arguments {
			arguments[number] = os.Expand(argument, value)
		}
	}
	return os.Expand(parts[0], value), append(arguments, more...), nil
}
