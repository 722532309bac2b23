package main

import (
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "golang.org/x/crypto/bcrypt"
	_ "github.com/sirupsen/logrus"
	_ "sigs.k8s.io/yaml"
	_ "github.com/Masterminds/semver/v3"
)
