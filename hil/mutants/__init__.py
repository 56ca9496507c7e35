"""Mutation testing of the safety machine: small mistakes are planted in it one by one, and the tests must see each of them."""
