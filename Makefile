# lifeguard: one shared library, two extensions (lifeguard, pull_up_club), built with PGXS.
# `make help` lists the targets; another server's pg_config: `make PG_CONFIG=/path/to/pg_config` (after `make clean`).

.DEFAULT_GOAL := all

EXTENSIONS := lifeguard pull_up_club
RELEASE    := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" control/lifeguard.control)

PG_CONFIG ?= pg_config
SHELL     := /bin/bash

# --- what PGXS builds and installs ---

MODULE_big := lifeguard
SOURCES    := $(sort $(shell find src -name '*.cpp'))
OBJS       := $(SOURCES:.cpp=.o)
EXTENSION  := $(addprefix control/,$(EXTENSIONS))
DATA       := $(sort $(wildcard control/*--*.sql))
DATA_built := $(EXTENSIONS:=--$(RELEASE).sql)

# The server's headers are system headers here: our warnings are about our code.
WARNINGS    := -Wall -Wextra -Wno-register
PG_CPPFLAGS := -Isrc -Ibuild/generated
PG_CXXFLAGS := -std=c++20 -O2 $(WARNINGS) -fvisibility-inlines-hidden -MMD -MP
SHLIB_LINK  := -lstdc++

EXTRA_CLEAN := build results output_iso regression.diffs regression.out $(OBJS:.o=.d)

# --- installcheck: pg_regress and the isolation tester on the user's own running server ---

REGRESS   := $(sort $(basename $(notdir $(wildcard sql/*.sql))))
ISOLATION := $(sort $(basename $(notdir $(wildcard test/isolation/specs/*.spec))))

# The club's tests create pull_up_club themselves: the general part does not know it.
REGRESS_OPTS   := --load-extension=lifeguard --load-extension=pull_up_club
ISOLATION_OPTS := --load-extension=lifeguard --load-extension=pull_up_club --inputdir=test/isolation --outputdir=output_iso

# A machine without a server's development files still has help, test, demo and bench: these install what is missing.
SERVER_HEADERS := $(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h)
ifneq ($(SERVER_HEADERS),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
override with_llvm := no
include $(PGXS)
override CPPFLAGS  := -isystem $(includedir_server) $(CPPFLAGS)
else
all install uninstall installcheck clean strict tidy:
	@echo 'no development files of a server: run scripts/prerequisites build, or name another server by PG_CONFIG=' >&2; exit 1
endif

$(OBJS): Makefile
-include $(OBJS:.o=.d)

# The names of the server's own errors come from the list that the server brings.
ERRCODES        := $(shell $(PG_CONFIG) --sharedir 2>/dev/null)/errcodes.txt
CONDITION_NAMES := build/generated/journal/condition_names.inc

$(CONDITION_NAMES): src/journal/condition_names.awk src/pg/errors.hpp $(wildcard $(ERRCODES))
	@test -r '$(ERRCODES)' || { echo 'no $(ERRCODES): install the server that PG_CONFIG names, it brings this list' >&2; exit 1; }
	@mkdir -p $(@D)
	@awk -f $< '$(ERRCODES)' src/pg/errors.hpp > $@.new && mv $@.new $@

src/journal/error_names.o $(foreach compiler,gcc clang,build/$(compiler)/src/journal/error_names.o): $(CONDITION_NAMES)

# An extension's script is its SQL modules in the order of their numbers.
define script_of
$(1)--$(RELEASE).sql: $$(wildcard control/$(1) control/$(1)/*.sql) Makefile
	@{ echo '\echo Use "CREATE EXTENSION $(1)" to load this file. \quit'; \
	  for module in $$(sort $$(filter %.sql,$$^)); do printf '\n-- %s\n' "$$$$module"; cat "$$$$module"; done; } > $$@.new
	@mv $$@.new $$@
endef
$(foreach extension,$(EXTENSIONS),$(eval $(call script_of,$(extension))))

# --- people's targets ---

export PG_CONFIG

##   all            build the library and both extensions' scripts
##   install        install them into the server that PG_CONFIG names
##   uninstall      remove them again
##   installcheck   pg_regress and isolation tests on your running server (install first; PGHOST, PGPORT, PGUSER apply)
##   clean          remove everything that was built

help: ## this list
	@echo 'make TARGET [PG_CONFIG=/path/to/pg_config]'
	@sed -nE -e 's/^##   ([a-z-]+) +(.*)/  \1\t\2/p' -e 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' Makefile | \
	  awk -F '\t' '{ printf "%-16s%s\n", $$1, $$2 }'

test: ## every suite on a throw-away cluster; TESTS="regress/lifecycle t soak/last_dollars" selects; SOAK_SECONDS=5
	@scripts/test $(TESTS)

soak: ## the long tests in full; SOAK_SECONDS=60
	@SOAK_SECONDS=$${SOAK_SECONDS:-60} scripts/test $(or $(TESTS),soak)

bench: ## tables of ratios and figures; BENCH=club, journal, identity, audit or monitoring
	@bench/run

demo: ## the story, step by step, on a private cluster; KEEP=1 leaves it up
	@demo/run

demo-stop: ## end the cluster that `make demo KEEP=1` left up
	@demo/run stop

unit: $(patsubst test/unit/%.cpp,build/unit/%,$(wildcard test/unit/*.cpp)) ## build the test programs that need no server

build/unit/%: test/unit/%.cpp Makefile
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -g -O1 $(WARNINGS) -Isrc -MMD -MP -o $@ $<
-include $(wildcard build/unit/*.d)

dist: ## a zip of the last commit for PGXN
	git archive --format zip --prefix=lifeguard-$(RELEASE)/ -o lifeguard-$(RELEASE).zip HEAD

ifneq ($(SERVER_HEADERS),)

strict: strict-gcc strict-clang ## warnings as errors with g++ and clang, beside the build
tidy: ## clang-tidy and clang-format, as errors

# Each compiler has objects of its own. Without clang++ it is the clang that the server was configured with, if that is there.
STRICT_gcc   := g++
STRICT_clang := $(firstword $(shell command -v clang++ $(CLANG)))
CXXFLAGS_gcc   = $(CXXFLAGS)
CXXFLAGS_clang = $(filter-out -Wimplicit-fallthrough=%,$(CXXFLAGS)) -Wimplicit-fallthrough

define strict_of
strict-$(1): $(if $(STRICT_$(1)),$(OBJS:%=build/$(1)/%))
build/$(1)/%.o: %.cpp Makefile
	@mkdir -p $$(@D)
	@echo '$(1) $$<'
	@$(STRICT_$(1)) $$(CXXFLAGS_$(1)) -Werror $$(CPPFLAGS) -c -o $$@ $$<
-include $(OBJS:%.o=build/$(1)/%.d)
endef
$(foreach compiler,gcc clang,$(eval $(call strict_of,$(compiler))))

tidy: $(CONDITION_NAMES)
FORMATTED = $(sort $(shell find src test/unit -name '*.cpp' -o -name '*.hpp'))
tidy:
	@scripts/prerequisites tidy
	@clang-format --dry-run -Werror $(FORMATTED)
	@printf '%s\n' $(SOURCES) | xargs -P "$$(nproc)" -I FILE clang-tidy --quiet --warnings-as-errors='*' FILE \
	  -- $(filter-out -M%,$(CXXFLAGS_clang)) $(CPPFLAGS) 2> >(grep -v 'warnings generated' >&2)

.PHONY: strict tidy strict-gcc strict-clang
endif

.PHONY: help test soak bench demo demo-stop unit dist
