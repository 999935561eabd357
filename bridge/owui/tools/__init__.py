"""Open WebUI's tools as a `ToolBox`: what is offered, how it is run, and what came back."""
