# One translation unit per instruction set: only these files get more than the baseline's flags.
# Each defines nothing but internal-linkage code and one table, so no symbol compiled for a newer CPU can be
# merged by the linker into code that runs on an older one.
