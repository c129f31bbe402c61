"""Estimates in; page, figures and tables out. `folder.write` writes all, `formats.render` one document."""
