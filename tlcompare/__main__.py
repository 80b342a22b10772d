from tlcompare.cli import main

main()
