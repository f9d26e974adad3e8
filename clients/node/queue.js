/** First in, first out. Taking from the front of a long array would move all the rest each time. */
export class Queue {
  #items = [];
  #start = 0;

  get length() {
    return this.#items.length - this.#start;
  }

  push(item) {
    this.#items.push(item);
  }

  /** Removes and returns the first item; undefined when empty. */
  shift() {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#start];
    this.#items[this.#start] = undefined;
    this.#start += 1;
    if (this.#start * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** The first item, which stays. */
  peek() {
    return this.#items[this.#start];
  }
}
