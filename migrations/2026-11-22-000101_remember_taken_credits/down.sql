ALTER TABLE payments DROP credits_taken;
