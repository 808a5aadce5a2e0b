"""The launcher behind `make up`: checks, prepares, starts and watches every process of the product on one machine."""
