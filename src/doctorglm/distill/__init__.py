"""`doctorglm distill`: a small student that learns a teacher's translations."""
