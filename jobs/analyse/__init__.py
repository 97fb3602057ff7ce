"""Analyse: the products, tables that are computed from candidates and configuration."""

from jobs.analyse.stage import run

__all__ = ["run"]
