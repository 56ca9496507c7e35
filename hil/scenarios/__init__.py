"""The sequences of IEC 61851-1 and every protection, played on a bench and judged only by what the bench sees."""
