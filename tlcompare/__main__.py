from tlcompare.cli import main

main(prog_name="tlcompare")
