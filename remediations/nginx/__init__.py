"""What nginx tells of its clients and backends: its log, and whose addresses it sees."""
