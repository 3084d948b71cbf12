def up() -> None:
    pass
