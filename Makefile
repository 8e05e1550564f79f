VENV ?= .venv
.PHONY: test
test: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy hmd_tflm
	$(VENV)/bin/python -m pytest -q
$(VENV)/.ready: pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q -e '.[dev]'
	touch $@
