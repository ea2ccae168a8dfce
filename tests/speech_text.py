"""Compare what was said with what a recogniser wrote down.

Two texts are equal when a person reading them aloud would say the same: punctuation, case,
Arabic or Chinese numerals and traditional or simplified script do not count.
"""

import re
import unicodedata

_DIGITS = "零一二三四五六七八九"

# Traditional and variant forms of characters in our own texts; Whisper mixes the scripts.
_TRADITIONAL = str.maketrans(
    "這個們來說時間後會對進問題點種樣還沒與實務應該發現電話聽請讓幫謝歡專業單訂賬號碼貨"
    "運輸遞訴處理費報開關閉過遠近裡裏線類輕鬆顧響選擇項錄數據網絡絡頁單質量證監為爲將換"
    "購買賣價錢標準確認識別鍵盤轉接聯繫絕對誤輸聲語簽滿級尊貴賓從動當變動無產總結熱戶屬"
    "攔員態掛機暫誠歉繼續馬續臺灣華歷資訊評議驗體檢測試銷於東車門長預計達飛機場邊雲杉城"
    "請幾樓層誰維護靜聞鐘錶歲愛寫畫書讀學習舊壞頭發麵條麼樂極簡繁雙擊選靈檔備註環境適"
    "記諮詢獲儘繫尺碼號衝碎損壞倉庫區縣鎮鄉衛戰術獎勵銀行賠償償給滯週幾嗎麗顯約兩",
    "这个们来说时间后会对进问题点种样还没与实务应该发现电话听请让帮谢欢专业单订账号码货"
    "运输递诉处理费报开关闭过远近里里线类轻松顾响选择项录数据网络络页单质量证监为为将换"
    "购买卖价钱标准确认识别键盘转接联系绝对误输声语签满级尊贵宾从动当变动无产总结热户属"
    "拦员态挂机暂诚歉继续马续台湾华历资讯评议验体检测试销于东车门长预计达飞机场边云杉城"
    "请几楼层谁维护静闻钟表岁爱写画书读学习旧坏头发面条么乐极简繁双击选灵档备注环境适"
    "记咨询获尽系尺码号冲碎损坏仓库区县镇乡卫战术奖励银行赔偿偿给滞周几吗丽显约两",
)


def spoken(text: str) -> str:
    """The text reduced to what is heard: letters and characters, numerals in Chinese."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_TRADITIONAL)
    text = re.sub(r"\d+", lambda match: _numeral(match[0]), text)
    return "".join(char for char in text if char.isalnum())


def _numeral(digits: str) -> str:
    """Chinese for a number: 7 七, 10 十, 12 十二, 20 二十; longer ones digit by digit."""
    if len(digits) == 2 and digits[0] != "0":
        tens, ones = (_DIGITS[int(digit)] for digit in digits)
        return ("" if tens == "一" else tens) + "十" + ("" if ones == "零" else ones)
    return "".join(_DIGITS[int(digit)] for digit in digits)


def errors_by_part(parts: list[str], heard: str) -> list[int]:
    """Character errors of each part, when all of them were said one after another.

    The whole is aligned at once (least substitutions, insertions and deletions); an inserted
    character counts for the part in which it stands.
    """
    expected = "".join(parts)
    owner = [index for index, part in enumerate(parts) for _ in part]
    rows, columns = len(expected) + 1, len(heard) + 1
    cost = [
        [row + column if not row * column else 0 for column in range(columns)]
        for row in range(rows)
    ]
    for row in range(1, rows):
        for column in range(1, columns):
            same = expected[row - 1] == heard[column - 1]
            cost[row][column] = min(
                cost[row - 1][column - 1] + (not same),
                cost[row - 1][column] + 1,
                cost[row][column - 1] + 1,
            )
    errors = [0] * len(parts)
    row, column = rows - 1, columns - 1
    while row or column:
        here = cost[row][column]
        if (
            row
            and column
            and here == cost[row - 1][column - 1] + (expected[row - 1] != heard[column - 1])
        ):
            errors[owner[row - 1]] += expected[row - 1] != heard[column - 1]
            row, column = row - 1, column - 1
        elif row and here == cost[row - 1][column] + 1:
            errors[owner[row - 1]] += 1
            row -= 1
        else:
            errors[owner[row - 1] if row else 0] += 1
            column -= 1
    return errors


def character_error_rate(said: str, heard: str) -> float:
    """Errors per character said; 0.0 is perfect, over 1.0 is possible."""
    expected = spoken(said)
    return errors_by_part([expected], spoken(heard))[0] / max(1, len(expected))
