# The two commands of the README: each sets up what it needs on a fresh Debian 12.
VENV ?= .venv
APT := gcc g++ libc6-dev python3-venv gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib \
       qemu-system-arm cppcheck gdb-multiarch
NATIVE := $(wildcard firmware/lib/hmd_nn/src/*.[ch] firmware/lib/hmd_nn/include/*.h \
            hmd_tflm/*/native/*.[ch])
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: demo test
demo: $(VENV)/.ready
	$(VENV)/bin/hmd-tflm demo --output build/demo

test: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy hmd_tflm
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=10

$(VENV)/.apt: Makefile
	dpkg -s $(APT) >/dev/null 2>&1 || \
	    ($(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends $(APT))
	mkdir -p $(VENV) && touch $@

$(VENV)/.ready: $(VENV)/.apt pyproject.toml $(NATIVE)
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -e '.[dev]'
	touch $@
