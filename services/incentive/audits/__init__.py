"""What auditors and accountants ask the ledger: seals of its history, proofs of its balances, liability for points."""
