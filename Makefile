# The front door. `make run` and `make test` need nothing but a Debian 12 machine and this clone.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run cluster build test test-unit test-asan test-api test-cluster docs bench bench-cluster format lint tidy clean

LISTEN ?= 127.0.0.1:8080
BASE_URL ?= http://localhost:8080
DATA ?= data/demo
SOURCES = git ls-files -z 'src/*.cc' 'src/*.h' 'bench/*.cc' 'bench/*.h' 'tests/*.cc' 'tests/*.h'
export CCACHE_SLOPPINESS = pch_defines,time_macros

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing (Debian packages, npm packages of the tests)
	@tools/setup

run: build ## build and serve the demo at http://localhost:8080 (sign in as alice, password alice)
	STAMPEDE_BASE_URL=$(BASE_URL) build/release/stampede serve --demo --data $(DATA) --listen $(LISTEN)

cluster: setup build ## a demonstration cluster at http://localhost:8080, and how to kill each part of it
	@tools/cluster.mjs

build: ## build build/release/stampede
	@tools/setup build
	@cmake --preset release >/dev/null
	@cmake --build --preset release

test: setup ## everything: unit tests, again under sanitizers, black-box suites with real clients
	@$(MAKE) --no-print-directory -k test-unit test-asan test-api test-cluster

test-unit: build ## unit tests and the check of the layers
	@ctest --preset release -j2 && tools/count_tests build/release

test-asan: setup ## unit tests under AddressSanitizer and UBSan
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan --target unit_tests
	@ctest --preset asan -j2 && tools/count_tests build/asan

test-api: setup build ## the program from outside: masto.js, toot, schemas, malformed input, kill -9
	@tests/run

test-cluster: setup build ## three servers on PostgreSQL and NATS: the suites of the API, then faults under load
	@tests/run cluster

docs: build ## write the pages of docs/ that are generated from the program
	@build/release/stampede api-coverage > docs/api-coverage.md
	@build/release/stampede settings > docs/settings.md

bench: build ## measure, and write docs/performance.md
	@tools/setup bench
	@bench/run

bench-cluster: setup build ## measure what things cost on 1, 2 and 4 servers of one cluster, likewise
	@tools/setup bench
	@bench/cluster

format: setup ## clang-format every C++ file
	@$(SOURCES) | xargs -0r clang-format-19 -i

lint: setup ## formatting and layers; `make tidy` for clang-tidy
	@$(SOURCES) | xargs -0r clang-format-19 --dry-run -Werror
	@tools/check_layers .

tidy: build ## clang-tidy on the C++ files changed since origin/main (or FILES="…")
	@cmake --build --preset release >/dev/null
	@files="$(FILES)"; \
	base=$$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD); \
	[ -n "$$files" ] || files=$$(git diff --name-only --diff-filter=d $$base -- 'src/*.cc' 'src/*.h'); \
	[ -z "$$files" ] || clang-tidy-19 --quiet -p build/release $$files

clean: ## remove what was built
	rm -rf build
