"""Statistics as text: Markdown, CSV, LaTeX and HTML."""
