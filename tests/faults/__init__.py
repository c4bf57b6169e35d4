"""The instruments with which the transaction is crash-tested: stepped, killed, cut off from power, read back."""
