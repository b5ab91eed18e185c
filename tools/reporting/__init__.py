"""Reads, shows and compares the reports that json=1 prints: tools/report."""
