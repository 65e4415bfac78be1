"""One sentence in many languages and scripts: the same meaning, other bytes."""

from __future__ import annotations

# language: script, sentence. Written for this book.
SENTENCES: dict[str, tuple[str, str]] = {
    "English": (
        "Latin",
        "Every evening my grandmother tells the moon a story.",
    ),
    "German": (
        "Latin",
        "Jeden Abend erzählt meine Großmutter dem Mond eine Geschichte.",
    ),
    "French": (
        "Latin",
        "Chaque soir, ma grand-mère raconte une histoire à la lune.",
    ),
    "Spanish": (
        "Latin",
        "Todas las noches mi abuela le cuenta un cuento a la luna.",
    ),
    "Turkish": (
        "Latin",
        "Her akşam büyükannem aya bir masal anlatır.",
    ),
    "Vietnamese": (
        "Latin",
        "Mỗi tối, bà tôi kể cho mặt trăng nghe một câu chuyện.",
    ),
    "Greek": (
        "Greek",
        "Κάθε βράδυ η γιαγιά μου λέει μια ιστορία στο φεγγάρι.",
    ),
    "Russian": (
        "Cyrillic",
        "Каждый вечер моя бабушка рассказывает луне сказку.",
    ),
    "Georgian": (
        "Georgian",
        "ყოველ საღამოს ბებიაჩემი მთვარეს ზღაპარს უყვება.",
    ),
    "Hebrew": (
        "Hebrew",
        "בכל ערב סבתא שלי מספרת לירח סיפור.",
    ),
    "Arabic": (
        "Arabic",
        "كل مساء تحكي جدتي للقمر حكاية.",
    ),
    "Amharic": (
        "Ethiopic",
        "አያቴ በየምሽቱ ለጨረቃ ተረት ትነግራለች።",
    ),
    "Hindi": (
        "Devanagari",
        "हर शाम मेरी दादी चाँद को एक कहानी सुनाती हैं।",
    ),
    "Tamil": (
        "Tamil",
        "ஒவ்வொரு மாலையும் என் பாட்டி நிலாவுக்கு ஒரு கதை சொல்கிறார்.",
    ),
    "Thai": (
        "Thai",
        "ทุกเย็นคุณยายของฉันเล่านิทานให้พระจันทร์ฟัง",
    ),
    "Chinese": (
        "Han",
        "每天晚上，我奶奶都给月亮讲一个故事。",
    ),
    "Japanese": (
        "Kanji and kana",
        "毎晩、祖母は月に物語を語ります。",
    ),
    "Korean": (
        "Hangul",
        "매일 저녁 우리 할머니는 달에게 이야기를 들려주신다.",
    ),
}


def sentences() -> dict[str, str]:
    """The sentence in each language.

    >>> sentences()["English"]
    'Every evening my grandmother tells the moon a story.'
    """
    return {language: text for language, (_, text) in SENTENCES.items()}
