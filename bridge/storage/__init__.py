"""The artifact store on SQL: its table, its engines, and what a row looks like."""
