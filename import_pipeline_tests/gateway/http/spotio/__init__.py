"""Tests of the bulk job API."""
