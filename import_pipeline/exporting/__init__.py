"""Daily, weekly and monthly exports, as of a moment."""
