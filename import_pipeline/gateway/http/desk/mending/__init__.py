"""Refused rows, mended in place and sent again."""
