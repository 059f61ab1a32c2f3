"""Show what a run saw: pictures, and a page with all of them (`bench plot`, `bench report`)."""
