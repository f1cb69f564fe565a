# Thin on purpose: what a target does stands in tools/.
.DEFAULT_GOAL := help
.PHONY: help run test build site format lint clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:  ## set up, build, and serve the sample site on 127.0.0.1:8080 (PORT=8081 or LISTEN=address: elsewhere)
	@exec tools/run.sh

test:  ## set up, build, and run every test
	@exec tools/test.sh

build:  ## set up and build .build/release/tollgate and tollgate-spawn
	@tools/setup.sh run
	@exec tools/build.sh

site:  ## assemble the sample site in .build/site
	@exec tools/site.sh .build/site

format:  ## rewrite the Swift sources in the house's style
	@exec swift format --in-place --recursive Sources Tests Package.swift

lint:  ## look for faults of style, in Swift and in shell scripts
	@exec tools/lint.sh

clean:  ## remove everything that was built
	@exec rm -rf .build
