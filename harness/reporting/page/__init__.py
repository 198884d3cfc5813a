"""The HTML report and the words that it consists of."""
