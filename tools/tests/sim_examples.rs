//! The listings of the book's chapter on worlds do what the chapter says.

#[path = "../examples/a_theatre.rs"]
mod a_theatre;
#[path = "../examples/a_world.rs"]
mod a_world;

#[test]
fn the_world_of_the_book_repeats_and_forks() {
    a_world::main().unwrap();
}

#[test]
fn the_theatre_of_the_book_plays_the_same_twice() {
    a_theatre::main().unwrap();
}
