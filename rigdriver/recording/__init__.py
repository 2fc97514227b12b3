"""Frame sets on disk: what writes them and what reads them back, with proof, gaps and pixel format.

In: frame sets. Out: folders of images with proofs and a sidecar, and the same frame sets again.
Read order: `frame_source` (both protocols), `capture_folder`, `image_folder`, `proof_files`.
Not here: rigs, and what is made of the frame sets (see procedures).
"""
